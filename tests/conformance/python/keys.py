"""P-384 public keys for tests, each from a small number, by schoolbook arithmetic: they guard nothing."""

import base64
from functools import cache

# Domain parameters of secp384r1 (SEC 2, section 2.5.1).
_P = 2**384 - 2**128 - 2**96 + 2**32 - 1
_G = (
    0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
    0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
)
# SubjectPublicKeyInfo up to the point: id-ecPublicKey with the named curve secp384r1 (RFC 5480).
_SPKI = bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004")


def _add(left, right):
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) if left == right else (y2 - y1) * pow(x2 - x1, -1, _P)
    x3 = (slope * slope - x1 - x2) % _P
    return x3, (slope * (x1 - x3) - y1) % _P


@cache
def public_key(number: int) -> str:
    """The PEM of `number` times the base point, which is a key for any number from 1."""
    point, power = None, _G
    while number:
        if number & 1:
            point = _add(point, power)
        power, number = _add(power, power), number >> 1
    x, y = point
    text = base64.b64encode(_SPKI + x.to_bytes(48, "big") + y.to_bytes(48, "big")).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"
