# A source file that no target lists must stop the configuration: configures a small tree that uses
# cmake/targets.cmake, once complete and once with a stray file.
#   cmake -DSOURCE_DIR=... -DWORK_DIR=... -P listing_test.cmake
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR}/src/core)
file(WRITE ${WORK_DIR}/src/core/listed.cc "")
file(WRITE ${WORK_DIR}/CMakeLists.txt "
cmake_minimum_required(VERSION 3.25)
project(listing LANGUAGES NONE)
include(${SOURCE_DIR}/cmake/targets.cmake)
bluemarble_note_sources(src/core/listed.cc)
bluemarble_check_all_sources_listed()
")

function(configure expect_success)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK_DIR} -B ${WORK_DIR}/build
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(expect_success AND NOT status EQUAL 0)
    message(FATAL_ERROR "a complete tree did not configure:\n${output}")
  elseif(NOT expect_success AND (status EQUAL 0 OR NOT output MATCHES "src/core/stray.cc"))
    message(FATAL_ERROR "an unlisted file was not named (status ${status}):\n${output}")
  endif()
endfunction()

configure(TRUE)
file(WRITE ${WORK_DIR}/src/core/stray.cc "")
configure(FALSE)

# The build types: an unknown one is refused by name.
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${WORK_DIR}/bad_type -DCMAKE_BUILD_TYPE=Fast
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(status EQUAL 0 OR NOT output MATCHES "CMAKE_BUILD_TYPE is 'Fast'")
  message(FATAL_ERROR "an unknown build type was not refused (status ${status}):\n${output}")
endif()
