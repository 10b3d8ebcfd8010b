/// Debug-build proof that an object is used by one thread: bind once, check everywhere. Free in
/// release.
#pragma once

#include <cassert>
#include <thread>

namespace bluemarble::core {

class ThreadOwner {
 public:
#ifndef NDEBUG
  /// Makes the calling thread the owner (also when ownership moves at start-up and shutdown).
  void Bind() { owner_ = std::this_thread::get_id(); }
  void Check() const {
    assert(owner_ == std::thread::id{} || owner_ == std::this_thread::get_id());
  }

 private:
  std::thread::id owner_;
#else
  void Bind() {}
  void Check() const {}
#endif
};

}  // namespace bluemarble::core
