# Run by `cmake --install`: settings, unit and alert rules, with the places of this very prefix.
# In: source_dir, made_dir, state_dir; bindir, sysconfdir, datadir, each absolute or below the prefix.
get_filename_component(prefix "${CMAKE_INSTALL_PREFIX}" ABSOLUTE)
# As distributions have it.
if(prefix STREQUAL "/usr" AND sysconfdir STREQUAL "etc")
  set(sysconfdir /etc)
endif()
foreach(name bindir sysconfdir datadir)
  if(NOT IS_ABSOLUTE "${${name}}")
    set(${name} "${prefix}/${${name}}")
  endif()
endforeach()
set(docs_dir "${datadir}/doc/bluemarble-server/docs")

configure_file("${source_dir}/packaging/bluemarble-zoned.service.in" "${made_dir}/bluemarble-zoned.service" @ONLY)
file(READ "${source_dir}/config/alerts.rules.yml" rules)
string(REPLACE "file:///usr/share/doc/bluemarble-server/docs/" "file://${docs_dir}/" rules "${rules}")
file(WRITE "${made_dir}/alerts.rules.yml" "${rules}")

file(INSTALL DESTINATION "${sysconfdir}/bluemarble" TYPE FILE FILES "${made_dir}/zoned.toml")
file(INSTALL DESTINATION "${prefix}/lib/systemd/system" TYPE FILE FILES "${made_dir}/bluemarble-zoned.service")
file(INSTALL DESTINATION "${datadir}/bluemarble" TYPE FILE FILES "${made_dir}/alerts.rules.yml")
