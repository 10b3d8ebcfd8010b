// What strangers send to a sealed zone, for the scenes of strangers.py: prints one JSON object of
// what was sent and what came back. It knows proto/SESSION.md and holds the tokens it is given.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/soak/stranger.h"

namespace bluemarble::stranger {
namespace {

struct Attack {
  const char* name;
  const char* about;
  Json (*run)(const Options&);
};

constexpr Attack kAttacks[] = {
    {"tokens", "tokens changed, expired, of elsewhere, and used twice", AttackTokens},
    {"token_flood", "bad tokens of proven addresses, many a second", FloodTokens},
    {"amplify", "everything that an address may send which has proven nothing", Amplify},
    {"captured", "a player's own datagrams again, changed, and from elsewhere", ReplayCaptured},
    {"junk", "a flood of what no key opens", FloodJunk},
};

int Main(int argc, char** argv) {
  CLI::App app{"stranger_attack: datagrams of strangers"};
  app.require_subcommand(1);
  Options options;
  for (const Attack& attack : kAttacks) {
    CLI::App* command = app.add_subcommand(attack.name, attack.about);
    command->add_option("--tokens", options.tokens_file, "lines of: kind token")->required();
    command->add_option("--ports", options.ports, "of the zone's hosts")
        ->required()
        ->delimiter(',');
    command
        ->add_option("--flood-ports", options.flood_ports,
                     "on loopback, which junk is for instead: of nobody, for comparison")
        ->delimiter(',');
    command->add_option("--other-port", options.other_port, "of another shard");
    command->add_option("--seconds", options.seconds);
    command->add_option("--rate", options.rate_hz, "datagrams a second; 0: as many as one core");
    command->add_option("--begin-ns", options.begin_ns, "of the flood, monotonic clock");
    command->add_option("--silence", options.silence_s, "seconds of listening at the end");
    command->add_option("--window-ms", options.window_ms, "in which what comes back is compared");
    command->add_option("--seed", options.seed);
  }
  CLI11_PARSE(app, argc, argv);
  for (const Attack& attack : kAttacks) {
    if (!app.got_subcommand(attack.name)) continue;
    std::printf("%s\n", attack.run(options).dump().c_str());
  }
  return 0;
}

}  // namespace
}  // namespace bluemarble::stranger

int main(int argc, char** argv) { return bluemarble::stranger::Main(argc, argv); }
