// Preloaded into a program (LD_PRELOAD), moves its wall clock by what the file WALL_CLOCK_SHIFT
// holds: two 64-bit numbers, nanoseconds to add, and parts per million by which it runs fast from
// when the file was first read. Whoever writes the file changes the clock at once. Monotonic time
// and sleeping stay as they are.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

struct Shift {
  volatile int64_t add_ns;
  volatile int64_t fast_ppm;
};

int64_t KernelNs(clockid_t clock) {
  timespec now{};
  syscall(SYS_clock_gettime, clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

const Shift* Open() {
  const char* const path = std::getenv("WALL_CLOCK_SHIFT");
  const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* const at = mmap(nullptr, sizeof(Shift), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return at == MAP_FAILED ? nullptr : static_cast<const Shift*>(at);
}

int64_t WallNs() {
  static const Shift* const shift = Open();
  static const int64_t began_ns = KernelNs(CLOCK_MONOTONIC);
  const int64_t now_ns = KernelNs(CLOCK_REALTIME);
  if (shift == nullptr) return now_ns;
  const int64_t ran_us = (KernelNs(CLOCK_MONOTONIC) - began_ns) / 1000;
  return now_ns + shift->add_ns + ran_us * shift->fast_ppm / 1000;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* out) noexcept {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
    return static_cast<int>(syscall(SYS_clock_gettime, clock, out));
  const int64_t now_ns = WallNs();
  *out = {now_ns / 1'000'000'000, now_ns % 1'000'000'000};
  return 0;
}

extern "C" int gettimeofday(timeval* out, void*) noexcept {
  const int64_t now_us = WallNs() / 1000;
  *out = {now_us / 1'000'000, now_us % 1'000'000};
  return 0;
}

extern "C" time_t time(time_t* out) noexcept {
  const time_t now = WallNs() / 1'000'000'000;
  if (out != nullptr) *out = now;
  return now;
}
