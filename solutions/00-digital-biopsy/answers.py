"""Right and wrong answers to the exercises of chapter 00: they test the checks.

Each right answer must earn full marks through the real grading path. Each wrong one is a mistake that learners make; it must
lose marks, and its card must contain the words given as `says`.
"""

import numpy as np

from autograder.answers import Answers

answers = Answers()


# 0.1 minmax ----------------------------------------------------------------------------------------------------------
@answers.right("minmax")
def minmax(image):
    low, high = float(np.min(image)), float(np.max(image))
    if low == high:
        return np.zeros(np.shape(image))
    return np.interp(image, [low, high], [0.0, 1.0])


@answers.right("minmax")
def minmax(image):
    values = [float(v) for v in np.ravel(image)]
    low, high = min(values), max(values)
    scaled = [(v - low) / (high - low) if high > low else 0.0 for v in values]
    return np.array(scaled).reshape(np.shape(image))


@answers.wrong("minmax", says="divided by the maximum only")
def minmax(image):
    return image / image.max()


@answers.wrong("minmax", says="After the shift")
def minmax(image):
    return (image - image.min()) / image.max()


@answers.wrong("minmax", says="Divide by the span")
def minmax(image):
    return image - image.min()


@answers.wrong("minmax", says="z-score")
def minmax(image):
    with np.errstate(all="ignore"):
        return (image - image.mean()) / image.std()


@answers.wrong("minmax", says="A constant image has no span")
def minmax(image):
    image = np.asarray(image, dtype=float)
    return (image - image.min()) / (image.max() - image.min())


@answers.wrong("minmax", says="small integers")
def minmax(image):
    if image.max() == image.min():
        return np.zeros(image.shape)
    return (image - image.min()) / (image.max() - image.min())


# 0.2 roi_values ------------------------------------------------------------------------------------------------------
@answers.right("roi-values")
def roi_values(image, mask):
    if np.shape(image) != np.shape(mask):
        raise ValueError("shapes differ")
    if np.count_nonzero(mask) == 0:
        raise ValueError("empty mask")
    return np.extract(mask, image)


@answers.right("roi-values")
def roi_values(image, mask):
    if image.shape != mask.shape:
        raise ValueError("image and mask must have the same shape")
    inside = [value for value, keep in zip(image.ravel(), mask.ravel(), strict=True) if keep]
    if len(inside) == 0:
        raise ValueError("no voxel is inside")
    return np.array(inside)


@answers.wrong("roi-values", says="Zero is the HU of water")
def roi_values(image, mask):
    if image.shape != mask.shape or not mask.any():
        raise ValueError("bad mask")
    return image * mask


@answers.wrong("roi-values", says="Those are the voxels outside")
def roi_values(image, mask):
    if image.shape != mask.shape or not mask.any():
        raise ValueError("bad mask")
    return image[~mask]


@answers.wrong("roi-values", says="picks whole rows")
def roi_values(image, mask):
    if not mask.any():
        raise ValueError("empty")
    return image[mask]


@answers.wrong("roi-values", says="The mean of nothing would be NaN")
def roi_values(image, mask):
    if image.shape != mask.shape:
        raise ValueError("shapes differ")
    return image[mask]


@answers.wrong("roi-values", says="Return the values themselves")
def roi_values(image, mask):
    if image.shape != mask.shape or not mask.any():
        raise ValueError("bad mask")
    return image[mask].mean()


# 0.3 PIPELINE --------------------------------------------------------------------------------------------------------
answers.right("pipeline", source='PIPELINE = ["acquire", "segment", "extract", "model", "validate"]')
answers.right("pipeline", source='PIPELINE = "acquire segment extract model validate".split()')
answers.wrong(
    "pipeline",
    says="Features of which voxels",
    source='PIPELINE = ["acquire", "extract", "segment", "model", "validate"]',
)
answers.wrong(
    "pipeline",
    says="before there is a model",
    source='PIPELINE = ["acquire", "segment", "extract", "validate", "model"]',
)
answers.wrong(
    "pipeline",
    says="nobody has acquired",
    source='PIPELINE = ["segment", "acquire", "extract", "model", "validate"]',
)
answers.wrong(
    "pipeline", says="Follow one number", source='PIPELINE = ["acquire", "segment", "extract", "model"]'
)
answers.wrong(
    "pipeline",
    says="What would the model read",
    source='PIPELINE = ["acquire", "model", "segment", "extract", "validate"]',
)
