if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, Asan, Tsan, Coverage" FORCE)
endif()
set(known_build_types Release Debug Asan Tsan Coverage)
set_property(CACHE CMAKE_BUILD_TYPE PROPERTY STRINGS ${known_build_types})
if(NOT CMAKE_BUILD_TYPE IN_LIST known_build_types)
  message(FATAL_ERROR "CMAKE_BUILD_TYPE is '${CMAKE_BUILD_TYPE}'; choose one of: ${known_build_types}")
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
# -O1 keeps the sanitizer runs of the simulated worlds within minutes; frame pointers make reports readable.
set(CMAKE_CXX_FLAGS_ASAN "-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all")
set(CMAKE_CXX_FLAGS_TSAN "-O1 -g1 -fno-omit-frame-pointer -fsanitize=thread")
# Which lines the fuzzers reach (tests/fuzz/coverage.py); clang's own format, so clang only.
set(CMAKE_CXX_FLAGS_COVERAGE "-O1 -g1 -fprofile-instr-generate -fcoverage-mapping -fsanitize=fuzzer-no-link")
if(CMAKE_BUILD_TYPE STREQUAL "Coverage" AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "the Coverage build wants clang: -DCMAKE_CXX_COMPILER=clang++-19")
endif()
# clang builds libFuzzer's programs of tests/fuzz beside the tests, from the same objects; it also compiles instrumented code
# a third faster than GCC 12.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  string(APPEND CMAKE_CXX_FLAGS_ASAN " -fsanitize=fuzzer-no-link")
endif()

if(CMAKE_BUILD_TYPE MATCHES "Asan|Tsan")
  add_compile_definitions(BLUEMARBLE_SANITIZED)
endif()

# Places where a test may kill the process (src/core/crash_point.h); nothing of them is in a release.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  option(BLUEMARBLE_CRASH_POINTS "Compile in the labelled crash points" OFF)
else()
  option(BLUEMARBLE_CRASH_POINTS "Compile in the labelled crash points" ON)
endif()
if(BLUEMARBLE_CRASH_POINTS)
  add_compile_definitions(BLUEMARBLE_CRASH_POINTS)
endif()

add_library(bluemarble_flags INTERFACE)
target_compile_options(bluemarble_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  # Designated initialisers that leave fields at their stated defaults are the way settings are written here.
  -Wno-missing-field-initializers
  # The same source must give the same world on every machine (DESIGN §1): no fused multiply-add, no fast-math.
  -ffp-contract=off -fno-fast-math)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(bluemarble_flags INTERFACE -Wno-error)  # the code is kept free of GCC's warnings
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE MATCHES "Asan|Tsan")
  # GCC 12's flow warnings give false alarms on instrumented code (std::string, std::variant).
  target_compile_options(bluemarble_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-tsan)
endif()

# What a tick runs through is put together once more when zoned is linked, across these folders; every other program links
# the same objects as they are. It saves a tenth of the zone thread's time (docs/decisions/0023).
option(BLUEMARBLE_LTO "Optimise across folders when zoned is linked (GCC, Release)" ON)
set(BLUEMARBLE_LTO_FOLDERS "")
if(BLUEMARBLE_LTO AND CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(BLUEMARBLE_LTO_FOLDERS core geo motion aoi world game protocol replication session net app)
  add_link_options($<$<NOT:$<BOOL:$<TARGET_PROPERTY:BLUEMARBLE_LTO>>>:-fno-lto>)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
