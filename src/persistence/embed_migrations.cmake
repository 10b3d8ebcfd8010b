# cmake -DOUT=x.cc -DSYMBOL=SqliteMigrations -DFILES="a.sql;b.sql" -P embed_migrations.cmake
# Writes a source file with each migration's number, name, SHA-256 and text.
set(rows "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME_WE)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$")
    message(FATAL_ERROR "${file}: a migration is named <4 digits>_<what>.sql")
  endif()
  math(EXPR id "1${CMAKE_MATCH_1} - 10000")
  file(SHA256 ${file} checksum)
  file(READ ${file} text)
  string(APPEND rows "    {${id}, \"${name}\", \"${checksum}\", R\"sql(${text})sql\"},\n")
endforeach()
file(WRITE ${OUT} "// Generated from migrations/ by embed_migrations.cmake.
#include \"persistence/migrations.h\"

namespace bluemarble::persistence {

std::span<const Migration> ${SYMBOL}() {
  static constexpr Migration kMigrations[] = {
${rows}  };
  return kMigrations;
}

}  // namespace bluemarble::persistence
")
