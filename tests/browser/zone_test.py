"""The browser client on a real zone behind TLS, in Node: joins over HTTPS, plays over WSS with the certificate that it was told
to believe; talks, carries, trades, and gets its answer over a broken connection. The examples of docs/client.md run there too.

    zone_test.py --bin FOLDER --library FOLDER/index.js
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from zone_under_test import Zone  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# Everything within reach of who appears at the centre.
WORLD = ("game.animals=20", "game.resource_nodes=10", "game.ground_items=24", "game.scatter_radius_m=1", "game.player_scatter_m=0")


def play(url, library, certificate):
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(certificate)}
    return subprocess.run(["node", HERE / "zone_players.mjs", library, url], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)


def run_examples(url, library, certificate, folder):
    """As they are, but for the address and the name: the first makes the account, the second logs in to it."""
    package = folder / "node_modules/bluemarble-client"
    shutil.copytree(library.parents[1], package)
    (package / "package.json").write_text('{"type": "module", "exports": "./client/index.js"}')
    for name, lines in (("trader", [r"^\d+ things, \d+ gold$", "^got it, and no crash takes it away$"]),
                        ("walker", [r"^I am at .* and see \d+ others$"])):
        text = (library.parents[1] / f"example/{name}.js").read_text()
        assert text.count('"http://127.0.0.1:8080"') == 1 and text.count('"ada"') == 1, text
        example = folder / f"{name}.mjs"
        example.write_text(text.replace("http://127.0.0.1:8080", url).replace('"ada"', '"Eve"'))
        ran = subprocess.run(["node", HERE / "run_example.mjs", example, *lines], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env={**os.environ, "NODE_EXTRA_CA_CERTS": str(certificate)}, text=True, timeout=60, check=False)
        if ran.returncode != 0:
            print(f"{name}: {ran.returncode}\n{ran.stdout}")
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of zoned")
    parser.add_argument("--library", type=pathlib.Path, required=True, help="the compiled package")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        certificate = pathlib.Path(folder) / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        f"{folder}/key.pem", "-out", certificate], capture_output=True, check=True)
        os.environ["SSL_CERT_FILE"] = str(certificate)  # of this program's own requests
        with Zone(options.bin, ("net.security=sealed", *WORLD, f"http.tls_certificate_file={certificate}",
                                f"http.tls_key_file={folder}/key.pem")) as zone:
            played = play(zone.http, options.library, certificate)
            print(played.stdout, end="")
            if played.returncode != 0:
                return 1
            if not run_examples(zone.http, options.library.resolve(), certificate, pathlib.Path(folder)):
                return 1
            strict = play(zone.http, options.library, os.devnull)
            if strict.returncode == 0 or "unreachable" not in strict.stdout:
                print(f"a certificate that nobody vouches for is believed: {strict.stdout}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
