# The client library as others use it: one shared library with the C++ and the C interface, which shows nothing else.

set(BLUEMARBLE_CLIENT_FOLDERS core geo motion protocol net client)

# A second library of the same sources, fit for a shared one: position independent, symbols hidden. The first stays as it is,
# since the server's hot paths are measured with it. Built only when the shared library is.
function(bluemarble_shared_twin name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  list(TRANSFORM arg_DEPENDS PREPEND bm_)
  list(TRANSFORM arg_DEPENDS APPEND _shared)
  list(TRANSFORM arg_LINK REPLACE "^bluemarble_proto$" "bluemarble_proto_shared")
  bluemarble_present(arg_SOURCES ${arg_SOURCES})
  add_library(bm_${name}_shared STATIC EXCLUDE_FROM_ALL ${arg_SOURCES})
  set_target_properties(bm_${name}_shared PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(bm_${name}_shared PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(bm_${name}_shared PUBLIC ${arg_DEPENDS} ${arg_LINK} PRIVATE bluemarble_flags)
endfunction()

# After all folders are there.
function(bluemarble_shared_client)
  # All of it comes out of archives, but a library wants a source of its own.
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/shared_client.cc CONTENT "// See cmake/install_client.cmake.\n")
  add_library(bluemarble_client SHARED ${CMAKE_BINARY_DIR}/shared_client.cc)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    set_target_properties(bluemarble_client PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  set_target_properties(bluemarble_client PROPERTIES OUTPUT_NAME bluemarble-client EXPORT_NAME client
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/client.map)
  target_include_directories(bluemarble_client INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(bluemarble_client INTERFACE cxx_std_20)
  target_link_libraries(bluemarble_client PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,bm_client_shared>)
  target_link_options(bluemarble_client PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/client.map -Wl,--no-undefined -Wl,--as-needed)
endfunction()
