"""A small checksum for parcels."""


def checksum(data):
    low, high = 0, 0
    for byte in data:
        low = (low + byte) % 251
        high = (high + low) % 251
    return high << 8 | low
