#!/usr/bin/env bash
# Runs the black box tests that drive real clients: boto3, the aws CLI, the SDKs for JavaScript and Go, FFmpeg, Chromium and Firefox.
# DOWNSTAGE_BIN names the binary, DOWNSTAGE_VENV the folder of the Python environment. Ends with `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/python" || exit 1
: "${DOWNSTAGE_BIN:?names the binary under test}" "${DOWNSTAGE_VENV:?names the Python environment}"
report=$(mktemp)
trap 'rm -f "$report"' EXIT
"$DOWNSTAGE_VENV/bin/python" -m pytest -p no:cacheprovider "$@" | tee "$report"
status=${PIPESTATUS[0]}
passed=$(grep -oE '[0-9]+ passed' "$report" | tail -n 1 | cut -d' ' -f1)
failed=$(grep -oE '[0-9]+ failed' "$report" | tail -n 1 | cut -d' ' -f1)
errors=$(grep -oE '[0-9]+ errors?' "$report" | tail -n 1 | cut -d' ' -f1)
failed=$((${failed:-0} + ${errors:-0}))
# A run that broke down before its tests is a failure too.
((status && !failed)) && failed=1
echo "${passed:-0} passed, $failed failed"
exit "$status"
