"""How fast features are computed, beside scikit-image, pyradiomics and mirp: ``make bench-features``.

Prints; no number decides anything. Each part is a module with ``run(quick)``; `peers` holds what they share.
Peers that cannot live in this environment get one of their own under ``build/bench``, made when first needed.
"""
