#!/bin/sh
# Install through apt what the tests need beyond Python packages, where it is missing and apt may be used.
# Where it may not, the tests that need it say so and are skipped (in CI they fail).
set -u
missing=""
command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "Installing through apt:$missing"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null ||
		echo "apt could not install:$missing"
else
	echo "Not installed, and apt may not be used here:$missing. Tests with Spark or a browser are skipped."
fi
