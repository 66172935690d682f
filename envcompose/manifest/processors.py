"""Processor names that pixi 0.77 knows: those of the archspec list of its time. Any other in a manifest is an error."""

from __future__ import annotations

_NAMES = """
x86 i686 pentium2 pentium3 pentium4 prescott
x86_64 x86_64_v2 x86_64_v3 x86_64_v4
nocona core2 nehalem westmere sandybridge ivybridge haswell broadwell skylake mic_knl skylake_avx512 cannonlake
cascadelake icelake sapphirerapids
k10 bulldozer piledriver steamroller excavator zen zen2 zen3 zen4 zen5
arm aarch64 armv8.1a armv8.2a armv8.3a armv8.4a armv8.5a armv8.6a armv9.0a
cortex_a72 thunderx2 a64fx neoverse_n1 neoverse_n2 neoverse_v1 neoverse_v2 ampere1 ampere1a m1 m2 m3 m4
ppc ppcle ppc64 ppc64le power7 power8 power8le power9 power9le power10 power10le
riscv64 u74mc x60
sparc sparc64
"""
PROCESSORS = frozenset(_NAMES.split())
