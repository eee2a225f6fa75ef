"""An example of a track: zlib's settings, tuned for speed."""
