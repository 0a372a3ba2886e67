#!/bin/sh
# A helper of isotope whose root key is in a PKCS#11 module. It needs pkcs11-tool of OpenSC.
# Environment: ISOTOPE_PKCS11_MODULE is the library of the module. ISOTOPE_PKCS11_TOKEN and
# ISOTOPE_PKCS11_KEY are labels. ISOTOPE_PKCS11_PIN_FILE is a file with the PIN.
# The lines that it reads and writes are those of docs/formats/provenance.md.
set -eu
umask 077
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo "isotope-root 1"
while read -r verb hex; do
	if [ "$verb" != mac ]; then
		echo "error this is not a request"
		continue
	fi
	printf '%b' "$(printf '%s\n' "$hex" | awk '{
		for (i = 1; i < length($0); i += 2)
			printf "\\0%03o", (index("0123456789abcdef", substr($0, i, 1)) - 1) * 16 + index("0123456789abcdef", substr($0, i + 1, 1)) - 1
	}')" >"$dir/in"
	# The PIN goes through the environment, since everybody can see the arguments of a process.
	if ISOTOPE_PIN=$(cat "$ISOTOPE_PKCS11_PIN_FILE") pkcs11-tool --module "$ISOTOPE_PKCS11_MODULE" \
		--token-label "$ISOTOPE_PKCS11_TOKEN" --login --pin env:ISOTOPE_PIN --label "$ISOTOPE_PKCS11_KEY" \
		--sign --mechanism SHA256-HMAC --input-file "$dir/in" --output-file "$dir/out" >"$dir/log" 2>&1; then
		echo "ok $(od -An -v -tx1 "$dir/out" | tr -d ' \n')"
	else
		echo "error the module does not sign: $(tail -n 1 "$dir/log" | tr -cd ' -~')"
	fi
done
