# What `cmake --install` puts where, in three parts that are Debian packages as well (packaging.cmake):
#   server       bin/, etc/bluemarble/, lib/systemd/, share/bluemarble/, share/doc/bluemarble-server/
#   client       lib/libbluemarble-client.so.N
#   client-dev   include/bluemarble/, the CMake package, the pkg-config file, examples, the client author's pages
# `cmake --build BUILD --target installable` builds what they need.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

bluemarble_shared_client()

set(programs zoned zonectl zonebot)
add_custom_target(installable DEPENDS ${programs} bluemarble_client)

# --- server ---------------------------------------------------------------------------------------

install(TARGETS ${programs} OPTIONAL RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT server)

# The delivered settings, but for where the world lies: whatever the prefix, where StateDirectory= of the unit makes it.
set(state_dir /var/lib/bluemarble)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/zoned.toml)
file(READ ${PROJECT_SOURCE_DIR}/config/zoned.toml settings)
string(REPLACE "\ndata_dir = \"data\"\n" "\ndata_dir = \"${state_dir}\"\n" installed_settings "${settings}")
if(installed_settings STREQUAL settings)
  message(FATAL_ERROR "config/zoned.toml has no line data_dir = \"data\", which an installation replaces")
endif()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/installed/zoned.toml CONTENT "${installed_settings}" @ONLY)

# What names places of the installation is written when it is installed: only then is the prefix known.
install(CODE "
  set(source_dir \"${PROJECT_SOURCE_DIR}\")
  set(made_dir \"${CMAKE_BINARY_DIR}/installed\")
  set(state_dir \"${state_dir}\")
  set(bindir \"${CMAKE_INSTALL_BINDIR}\")
  set(sysconfdir \"${CMAKE_INSTALL_SYSCONFDIR}\")
  set(datadir \"${CMAKE_INSTALL_DATADIR}\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/install_paths.cmake\")" COMPONENT server)

set(data_dir ${CMAKE_INSTALL_DATADIR}/bluemarble)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/migrations DESTINATION ${data_dir} COMPONENT server)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/config/grafana DESTINATION ${data_dir} COMPONENT server)
install(FILES ${PROJECT_SOURCE_DIR}/config/items.toml DESTINATION ${data_dir} COMPONENT server)
# The web console, where it has been built: by npm run build in src/console, or by the target `console`.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/console/dist/ DESTINATION ${data_dir}/console COMPONENT server OPTIONAL)
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/bluemarble/console/ DESTINATION ${data_dir}/console COMPONENT server OPTIONAL)
# The page that walks around the world, likewise: the target `play`.
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/bluemarble/play/ DESTINATION ${data_dir}/play COMPONENT server OPTIONAL)

# The pages, and what they link to, as they lie in the project: so links between them lead somewhere.
set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc)
set(server_doc_dir ${doc_dir}/bluemarble-server)
set(pages README.md CONTRIBUTING.md LICENSE NOTICE)
list(TRANSFORM pages PREPEND ${PROJECT_SOURCE_DIR}/)
install(FILES ${pages} DESTINATION ${server_doc_dir} COMPONENT server)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${server_doc_dir} COMPONENT server)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto DESTINATION ${server_doc_dir} COMPONENT server PATTERN CMakeLists.txt EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/config/zoned.toml ${PROJECT_SOURCE_DIR}/config/alerts.rules.yml
  DESTINATION ${server_doc_dir}/config COMPONENT server)

# --- client library -------------------------------------------------------------------------------

install(TARGETS bluemarble_client EXPORT bluemarble OPTIONAL
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client NAMELINK_COMPONENT client-dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/bluemarble DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT client-dev)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bluemarble)
install(EXPORT bluemarble NAMESPACE bluemarble:: FILE bluemarbleTargets.cmake DESTINATION ${package_dir} COMPONENT client-dev)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/bluemarbleConfig.cmake.in
  ${CMAKE_BINARY_DIR}/installed/bluemarbleConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/installed/bluemarbleConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/installed/bluemarbleConfig.cmake ${CMAKE_BINARY_DIR}/installed/bluemarbleConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT client-dev)
# Relative, so that an installation may be moved or staged.
file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/bluemarble-client.pc.in ${CMAKE_BINARY_DIR}/installed/bluemarble-client.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/installed/bluemarble-client.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT client-dev)

set(dev_doc_dir ${doc_dir}/libbluemarble-client-dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${dev_doc_dir} COMPONENT client-dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto DESTINATION ${dev_doc_dir} COMPONENT client-dev
  PATTERN CMakeLists.txt EXCLUDE PATTERN CONSOLE.md EXCLUDE)
# The other pages are the server's.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/client.md)
file(READ ${PROJECT_SOURCE_DIR}/docs/client.md client_page)
string(REGEX REPLACE "\\]\\(([a-z]+\\.md)" "](../../bluemarble-server/docs/\\1" client_page "${client_page}")
file(WRITE ${CMAKE_BINARY_DIR}/installed/client.md "${client_page}")
install(FILES ${CMAKE_BINARY_DIR}/installed/client.md ${PROJECT_SOURCE_DIR}/docs/openapi.yaml DESTINATION ${dev_doc_dir}/docs
  COMPONENT client-dev)
foreach(pair server:bluemarble-server client:libbluemarble-client0 client-dev:libbluemarble-client-dev)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${doc_dir}/${package} RENAME copyright COMPONENT ${component})
endforeach()
