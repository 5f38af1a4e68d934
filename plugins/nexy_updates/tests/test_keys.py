"""Signatures: the RFC's vectors, and two implementations that are not ours."""

import base64
import json
import shutil
import subprocess

import nacl.signing
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_updates.errors import StoreError
from nexy_updates.keys import PublicKey, SigningKey, accepted
from nexy_updates.objects import sign_file

# RFC 8032, section 7.1: secret key, public key, message, signature. TEST 1024 is left out for its length.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493
SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")


def b64(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_rfc_8032(secret, public, message, signature):
    key = SigningKey.parse(b64(bytes.fromhex(secret)))
    assert key.public.raw.hex() == public
    assert base64.b64decode(key.sign(bytes.fromhex(message))).hex() == signature
    assert accepted([key.public], b64(bytes.fromhex(signature)), bytes.fromhex(message))


@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_a_second_implementation_signs_the_same_bytes(seed, message):
    key = SigningKey.parse(b64(seed))
    theirs = nacl.signing.SigningKey(seed)
    assert base64.b64decode(key.sign(message)) == theirs.sign(message).signature
    assert key.public.raw == bytes(theirs.verify_key)


def test_a_malleated_signature_is_refused():
    """S + L passes a verifier that does not reduce; a feed must have one valid form only."""
    key = SigningKey.generate()
    signature = base64.b64decode(key.sign(b"x"))
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    malleated = signature[:32] + scalar.to_bytes(32, "little")
    assert not accepted([key.public], b64(malleated), b"x")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s + "\n",
        lambda s: " " + s,
        lambda s: s.rstrip("="),
        lambda s: s + "AAAA",
        lambda s: s.replace("+", "-").replace("/", "_") + "!",
        lambda _: "",
    ],
)
def test_only_the_canonical_base64_of_a_signature_counts(change):
    key = SigningKey.generate()
    signature = key.sign(b"x")
    assert accepted([key.public], signature, b"x")
    assert not accepted([key.public], change(signature), b"x")


def test_base64_with_loose_last_bits_is_refused():
    key = SigningKey.parse(b64(bytes(32)))
    text = key.public.text
    loose = text[:-2] + chr(ord(text[-2]) + 1) + "="
    assert base64.b64decode(loose) == key.public.raw
    with pytest.raises(StoreError, match="canonical"):
        PublicKey.parse(loose)


def test_a_key_does_not_print_itself(world):
    secret = world.key_file.read_text().strip()
    assert secret not in repr(world.key)
    assert secret not in repr(attributes(world.publisher))


def attributes(value):
    return (value, value.committer, value.committer.keys)


def test_a_key_is_read_the_way_sparkle_writes_it(world):
    """``generate_keys -x`` exports the base64 of the 32-byte seed."""
    assert len(base64.b64decode(world.key_file.read_text().strip(), validate=True)) == 32


@pytest.fixture
def signed(world):
    file = world.artifact("1.0", bytes(range(256)) * 5000)
    return file, sign_file(file, world.key), world.key.public


def test_openssl_accepts_the_signature(signed, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is missing: apt-get install openssl")
    file, signature, public = signed
    (tmp_path / "pub.der").write_bytes(SPKI_PREFIX + public.raw)
    (tmp_path / "sig").write_bytes(base64.b64decode(signature))
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", tmp_path / "pub.der",
               "-sigfile", tmp_path / "sig", "-in"]  # fmt: skip
    assert subprocess.run([*command, file], capture_output=True).returncode == 0
    file.write_bytes(file.read_bytes() + b"x")
    assert subprocess.run([*command, file], capture_output=True).returncode != 0


def test_node_accepts_the_signature(signed):
    if not shutil.which("node"):
        pytest.skip("node is missing: apt-get install nodejs")
    file, signature, public = signed
    script = """
    const [der, signature, file] = process.argv.slice(1);
    const crypto = require("crypto"), fs = require("fs");
    const key = crypto.createPublicKey({key: Buffer.from(der, "base64"), format: "der", type: "spki"});
    const ok = content => crypto.verify(null, content, key, Buffer.from(signature, "base64"));
    const content = fs.readFileSync(file);
    console.log(JSON.stringify([ok(content), ok(content.subarray(1))]));
    """
    result = subprocess.run(
        ["node", "-e", script, b64(SPKI_PREFIX + public.raw), signature, str(file)], capture_output=True, check=True
    )
    assert json.loads(result.stdout) == [True, False]
