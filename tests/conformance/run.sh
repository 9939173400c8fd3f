#!/usr/bin/env bash
# Runs the black box tests that drive real clients: boto3, the aws CLI, the SDKs for JavaScript and Go, FFmpeg, Chromium and Firefox.
# DOWNSTAGE_BIN names the binary, DOWNSTAGE_VENV the folder of the Python environment. Ends with `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/python" || exit 1
: "${DOWNSTAGE_BIN:?names the binary under test}" "${DOWNSTAGE_VENV:?names the Python environment}"
report=$(mktemp)
trap 'rm -f "$report"' EXIT
"$DOWNSTAGE_VENV/bin/python" -m pytest -p no:cacheprovider --color=no "$@" | tee "$report"
status=${PIPESTATUS[0]}
# What tests print may hold such words too.
closing=$(grep -E '^=+ .* in [0-9.]+s' "$report" | tail -n 1)
count() { grep -oE "[0-9]+ $1" <<<"$closing" | cut -d' ' -f1; }
passed=$(count passed)
failed=$(count failed)
errors=$(count 'errors?')
failed=$((${failed:-0} + ${errors:-0}))
# A run that broke down before its tests is a failure too.
((status && !failed)) && failed=1
echo "${passed:-0} passed, $failed failed"
exit "$status"
