# The project's kinds of targets. Every one notes its sources, so that a file in no target is found.

option(BLUEMARBLE_CHECK_LISTED "Fail configuration when a source file is in no target" ON)
set_property(GLOBAL PROPERTY bluemarble_listed "")
set_property(GLOBAL PROPERTY bluemarble_libraries "")

# Instrumented programs run several times slower; one factor for every test's time limit.
set(BLUEMARBLE_TIMEOUT_FACTOR 1)
if(CMAKE_BUILD_TYPE MATCHES "Asan|Tsan")
  set(BLUEMARBLE_TIMEOUT_FACTOR 4)
endif()

function(bluemarble_note_sources)
  foreach(file IN LISTS ARGN)
    get_filename_component(path ${file} ABSOLUTE)
    set_property(GLOBAL APPEND PROPERTY bluemarble_listed ${path})
  endforeach()
endfunction()

# While several people work in one tree (BLUEMARBLE_CHECK_LISTED=OFF), a listed file that is not there yet is left out.
function(bluemarble_present out)
  set(kept "")
  foreach(file IN LISTS ARGN)
    if(BLUEMARBLE_CHECK_LISTED OR IS_ABSOLUTE ${file} OR EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      list(APPEND kept ${file})
    endif()
  endforeach()
  set(${out} "${kept}" PARENT_SCOPE)
endfunction()

# bluemarble_alone(a.cc ...): sources that cannot share a translation unit with their neighbours where the sanitizers' builds
# put several into one: file-local names that a neighbour has as well, or symbols that programs must be able to leave out.
function(bluemarble_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# bluemarble_library(NAME SOURCES a.cc ... DEPENDS core ... LINK pkg::lib ...): one static library per src/ folder.
function(bluemarble_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  bluemarble_note_sources(${arg_SOURCES})
  bluemarble_present(arg_SOURCES ${arg_SOURCES})
  set_property(GLOBAL APPEND PROPERTY bluemarble_libraries bm_${name})
  list(TRANSFORM arg_DEPENDS PREPEND bm_)
  set(sources ${arg_SOURCES})
  list(FILTER sources INCLUDE REGEX "\\.cc$")
  if(sources)
    add_library(bm_${name} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(bm_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(bm_${name} ${scope} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(bm_${name} ${scope} ${arg_DEPENDS} ${arg_LINK})
  if(scope STREQUAL "PUBLIC")
    target_link_libraries(bm_${name} PRIVATE bluemarble_flags)
  endif()
  if(name IN_LIST BLUEMARBLE_LTO_FOLDERS)
    target_compile_options(bm_${name} PRIVATE -flto -ffat-lto-objects)
  endif()
  if(name IN_LIST BLUEMARBLE_CLIENT_FOLDERS)
    bluemarble_shared_twin(${name} ${ARGN})
  endif()
endfunction()

# bluemarble_program(NAME SOURCES ... DEPENDS ... LINK ...): lands in <build>/bin/.
function(bluemarble_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  bluemarble_note_sources(${arg_SOURCES})
  bluemarble_present(arg_SOURCES ${arg_SOURCES})
  if(NOT arg_SOURCES)
    return()
  endif()
  list(TRANSFORM arg_DEPENDS PREPEND bm_)
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE bluemarble_flags ${arg_DEPENDS} ${arg_LINK})
endfunction()

# bluemarble_test(NAME SOURCES ... DEPENDS ... LINK ... [TIMEOUT s] [SERIAL] [LABELS ...]): one GoogleTest
# program, one ctest entry. SERIAL: it measures or binds fixed ports, so nothing else runs beside it.
function(bluemarble_test name)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "SOURCES;DEPENDS;LINK;LABELS" ${ARGN})
  bluemarble_program(${name} SOURCES ${arg_SOURCES} DEPENDS ${arg_DEPENDS} LINK ${arg_LINK} GTest::gtest_main)
  if(NOT TARGET ${name})
    return()
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  # Half of the build's time goes into the tests' own sources, a fifth of that into optimising what runs once.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1 -g0>)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  math(EXPR timeout "${arg_TIMEOUT} * ${BLUEMARBLE_TIMEOUT_FACTOR}")
  # scripts/test reads the XML to count cases, and so tells a skipped case from a passed one.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} RUN_SERIAL ${arg_SERIAL} LABELS "${arg_LABELS}"
    ENVIRONMENT "BLUEMARBLE_SOURCE_DIR=${PROJECT_SOURCE_DIR};BLUEMARBLE_BIN_DIR=${CMAKE_BINARY_DIR}/bin;GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/results/${name}.xml;UBSAN_OPTIONS=print_stacktrace=1;LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/lsan.supp:print_suppressions=0")
endfunction()

# bluemarble_bench(NAME SOURCES ... DEPENDS ... LINK ... [OWN_MAIN]): a measuring program in <build>/bench/; no ctest
# entry, and none in the instrumented builds, where its figures would mean nothing.
function(bluemarble_bench name)
  cmake_parse_arguments(bench "OWN_MAIN" "" "" ${ARGN})
  bluemarble_program(${name} ${bench_UNPARSED_ARGUMENTS})
  if(NOT TARGET ${name})
    return()
  endif()
  if(NOT bench_OWN_MAIN)
    target_link_libraries(${name} PRIVATE benchmark::benchmark_main)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# Every header alone in a translation unit of its own: one that leans on its includer's includes fails here. Its own source
# is that, where there is one, since sources include their own header first (tests/structure/include_rules.py).
function(bluemarble_check_headers)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
    ${PROJECT_SOURCE_DIR}/src/*.h ${PROJECT_SOURCE_DIR}/include/*.h ${PROJECT_SOURCE_DIR}/tests/*.h)
  set(units "")
  foreach(header IN LISTS headers)
    string(REGEX REPLACE "h$" "cc" source ${header})
    if(EXISTS ${PROJECT_SOURCE_DIR}/${source})
      continue()
    endif()
    string(REGEX REPLACE "[/.]" "_" unit ${header})
    set(unit ${CMAKE_BINARY_DIR}/check_headers/${unit}.cc)
    file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${header}\"\n" @ONLY)
    list(APPEND units ${unit})
  endforeach()
  add_library(check_headers OBJECT ${units})
  get_property(libraries GLOBAL PROPERTY bluemarble_libraries)
  target_include_directories(check_headers PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(check_headers PRIVATE bluemarble_flags ${libraries} GTest::gtest benchmark::benchmark)
  target_compile_options(check_headers PRIVATE -O0 -g0)  # only whether it compiles is asked
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    set_target_properties(check_headers PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

function(bluemarble_check_all_sources_listed)
  if(NOT BLUEMARBLE_CHECK_LISTED)
    return()
  endif()
  get_property(listed GLOBAL PROPERTY bluemarble_listed)
  file(GLOB_RECURSE present CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.cc ${PROJECT_SOURCE_DIR}/tests/*.cc)
  set(missing "")
  foreach(file IN LISTS present)
    if(NOT file IN_LIST listed)
      list(APPEND missing ${file})
    endif()
  endforeach()
  if(missing)
    list(JOIN missing "\n  " text)
    message(FATAL_ERROR "these files are in no target; list them in their folder's CMakeLists.txt or delete them:\n  ${text}")
  endif()
endfunction()

# Pages that scripts/build-<name> builds with npm, where zoned of this build folder looks for them; it does nothing when
# nothing has changed. In Release they belong to all. Without npm there is no such target.
function(bluemarble_pages name comment)
  find_program(BLUEMARBLE_NPM npm)
  if(NOT BLUEMARBLE_NPM)
    return()
  endif()
  set(all "")
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(all ALL)
  endif()
  add_custom_target(${name} ${all}
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/build-${name} ${CMAKE_BINARY_DIR}/share/bluemarble/${name}
    COMMENT ${comment}
    VERBATIM)
endfunction()
