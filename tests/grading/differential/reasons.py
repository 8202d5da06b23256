"""Why a mark differs from stock's, by assignment and exercise, and the kind of submission where that matters."""

REASONS: dict[tuple[str, ...], str] = {}
