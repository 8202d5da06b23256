"""CT images from files: an array in HU, and the size of its voxels in mm.

Axes are (rows, columns) for a slice and (slices, rows, columns) for a stack, whichever kind of file it came
from. In an axial stack slice 0 is the one nearest the feet, row 0 the front of the patient and column 0
the patient's right, as a radiologist looks at it.

A CT file holds integers; slope and intercept in its header turn them into HU. What cannot be read as HU is
refused, with the reason and the cure.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .attenuation import rescale

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Image", "ImageError", "read", "read_dicom", "read_nifti", "real_ct_slice"]

MM = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}


class ImageError(ValueError):
    """An image that cannot be read as HU. The message says why, and what to do about it."""


@dataclass(frozen=True, eq=False)
class Image:
    """A CT image.

    Attributes
    ----------
    hu : float64 array, shape (rows, columns) or (slices, rows, columns)
        Values in HU; NaN where the scanner recorded nothing (padding).
    spacing : tuple of float
        Voxel size in mm, in array-axis order.
    source : str
        The file or folder it came from.
    """

    hu: NDArray[np.float64]
    spacing: tuple[float, ...]
    source: str

    def __post_init__(self) -> None:
        if len(self.spacing) != self.hu.ndim:
            raise ImageError(
                f"spacing needs one number for each of the {self.hu.ndim} axes, not {self.spacing!r}."
            )
        if not all(np.isfinite(step) and step > 0 for step in self.spacing):
            raise ImageError(f"spacing must be above zero along every axis, in mm, not {self.spacing!r}.")

    def __repr__(self) -> str:
        size = " x ".join(str(n) for n in self.hu.shape)
        steps = " x ".join(f"{step:.4g}" for step in self.spacing)
        return f"Image({size} voxels of {steps} mm, {self.source})"


def read(path: str | Path) -> Image:
    """Read a CT image: a DICOM file, a folder with a DICOM series, or a NIfTI file (.nii, .nii.gz).

    Raises
    ------
    ImageError
        If it cannot be read as HU; see `read_dicom` and `read_nifti`.
    """
    path = Path(path)
    return read_nifti(path) if path.name.lower().endswith((".nii", ".nii.gz")) else read_dicom(path)


def real_ct_slice() -> Image:
    """A real CT: 128 x 128 pixels of 0.66 mm round a thoracic vertebra, with contrast agent in the aorta.

    It is CT_small.dcm, which the package pydicom ships for its own tests; nothing is downloaded.

    Raises
    ------
    ImageError
        If the installed pydicom does not have the file.
    """
    from pydicom.data import get_testdata_file

    found = get_testdata_file("CT_small.dcm", download=False)
    if not isinstance(found, str):
        raise ImageError(
            "The installed pydicom lacks its example CT (CT_small.dcm). "
            "Install it anew: pip install --force-reinstall --no-deps pydicom."
        )
    image = read_dicom(found)
    return Image(image.hu, image.spacing, "CT_small.dcm, shipped with pydicom")


# ---------------------------------------------------------------- DICOM


def read_dicom(path: str | Path) -> Image:
    """Read one CT slice from a DICOM file, or a stack from a folder that holds one series.

    Parameters
    ----------
    path : str or Path
        A file, or a folder; files in the folder that are not DICOM are passed over.

    Returns
    -------
    Image
        Two axes for a file or for a folder with a single slice, three for a series. Slices are sorted by
        their position, and the distance between positions is the spacing of the first axis.

    Raises
    ------
    ImageError
        If the path does not exist, is not DICOM, holds no pixels or no CT, is a scout view, has colour or
        several frames, lacks slope, intercept or pixel spacing, is compressed in a way that nothing
        installed can undo, or was cut short; for a folder, also if it holds no DICOM, several series, or
        slices that are repeated, missing, tilted or unlike each other.
    """
    path = Path(path)
    if not path.exists():
        raise ImageError(f"There is no file or folder {path}. Check the name and the working folder.")
    if path.is_dir():
        return _read_series(path)
    dataset = _open(path)
    if dataset is None:
        raise ImageError(
            f"{path} is not a DICOM file: the letters DICM are missing from its head. "
            "Export the image from its source again as DICOM, or use read_nifti for a .nii file."
        )
    return Image(_hu(dataset, path), _pixel_spacing(dataset, path), str(path))


def _open(path: Path) -> Dataset | None:
    """The dataset in a file; None when the file is not DICOM."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(path)
    except InvalidDicomError:
        return None
    except PermissionError:
        raise ImageError(f"{path} may not be read: ask its owner for permission.") from None
    except Exception as error:  # a damaged header can fail anywhere in the parser
        raise ImageError(
            f"{path} is DICOM, but its header is damaged ({error}). Copy or export the file again."
        ) from error


def _hu(dataset: Dataset, path: Path) -> NDArray[np.float64]:
    """The pixels of one CT slice in HU."""
    _refuse_other_images(dataset, path)
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    missing = [name for name, value in (("slope", slope), ("intercept", intercept)) if value in (None, "")]
    if missing:
        raise ImageError(
            f"{path} has no rescale {' and no rescale '.join(missing)}, so its stored numbers cannot be "
            "turned into HU. Export the original CT slice: a processed or secondary copy may have lost them."
        )
    stored = _stored(dataset, path)
    try:
        hu = np.asarray(rescale(stored, float(slope), float(intercept)))
    except (TypeError, ValueError) as error:
        raise ImageError(f"{path} has a rescale slope or intercept that makes no sense: {error}") from None
    padding = dataset.get("PixelPaddingValue")
    if padding is not None:
        limit = dataset.get("PixelPaddingRangeLimit", padding)
        low, high = sorted((int(padding), int(limit)))
        hu[(stored >= low) & (stored <= high)] = np.nan
    return hu


def _refuse_other_images(dataset: Dataset, path: Path) -> None:
    """Raise for everything that is not one grey slice of a CT."""
    modality = str(dataset.get("Modality", "") or "unknown")
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise ImageError(
            f"{path} has no pixel data (modality {modality}): a report, a plan or an index, or a file cut "
            "short. Choose an image file of the series."
        )
    if int(dataset.get("SamplesPerPixel", 1)) != 1 or "PALETTE" in str(
        dataset.get("PhotometricInterpretation", "")
    ):
        raise ImageError(
            f"{path} is a colour image, and colours are not HU. Choose the original grey CT slice."
        )
    if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
        raise ImageError(
            f"{path} has {dataset.NumberOfFrames} frames in one file (multi-frame DICOM), which is not read "
            "here. Convert it to one file a slice, or to NIfTI."
        )
    if modality != "CT":
        raise ImageError(
            f"{path} is not CT but {modality}: its numbers are not HU and must not be read as such. "
            "Choose a CT series."
        )
    if "LOCALIZER" in dataset.get("ImageType", []):
        raise ImageError(
            f"{path} is a scout view (localizer), a projection whose numbers are not HU. "
            "Choose an axial slice."
        )
    unit = str(dataset.get("RescaleType", "HU") or "HU")
    if unit not in ("HU", "US"):  # US: unspecified, which for an original CT slice means HU
        raise ImageError(
            f"{path} is scaled to {unit}, not to HU. Choose the original CT slice, not a derived map."
        )


def _stored(dataset: Dataset, path: Path) -> NDArray[Any]:
    """The stored integers, decoded."""
    try:
        return dataset.pixel_array
    except (RuntimeError, NotImplementedError) as error:
        syntax = dataset.file_meta.TransferSyntaxUID
        raise ImageError(
            f"{path} is compressed ({syntax.name}), and no decoder for that is installed. "
            "Install one (pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg), or export the "
            "series uncompressed."
        ) from error
    except (ValueError, AttributeError, EOFError, OSError, IndexError) as error:
        raise ImageError(
            f"{path}: the pixel data are damaged or were cut short ({error}). Copy or export the file again."
        ) from error


def _pixel_spacing(dataset: Dataset, path: Path) -> tuple[float, float]:
    spacing = dataset.get("PixelSpacing")
    if spacing is None or len(spacing) != 2:
        raise ImageError(
            f"{path} has no pixel spacing, so nothing in it can be measured in mm. "
            "Export the original CT slice."
        )
    return float(spacing[0]), float(spacing[1])  # DICOM, too, gives the step between rows first


def _read_series(folder: Path) -> Image:
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    slices = []
    for path in files:
        dataset = _open(path)
        if dataset is not None and "DirectoryRecordSequence" not in dataset:  # a DICOMDIR only lists files
            slices.append((path, dataset))
    if not slices:
        raise ImageError(
            f"The folder {folder} holds no DICOM file ({len(files)} other files). "
            "Give the folder in which the slices themselves lie."
        )
    series = {str(dataset.get("SeriesInstanceUID", "")) for _, dataset in slices}
    if len(series) > 1:
        raise ImageError(
            f"The folder {folder} mixes {len(series)} series. "
            "Put the files of each series into a folder of its own."
        )
    if len(slices) == 1:
        path, dataset = slices[0]
        return Image(_hu(dataset, path), _pixel_spacing(dataset, path), str(folder))
    planes = [(_hu(dataset, path), _pixel_spacing(dataset, path)) for path, dataset in slices]
    first = planes[0]
    for (path, _), (hu, spacing) in zip(slices, planes, strict=True):
        if hu.shape != first[0].shape or not np.allclose(spacing, first[1], rtol=1e-4):
            raise ImageError(
                f"{path} differs from the first slice of {folder} in size or pixel spacing, so they "
                "are no stack. Leave in the folder only the slices of one reconstruction."
            )
    order, gap = _stack(slices, folder)
    return Image(np.stack([planes[i][0] for i in order]), (gap, *first[1]), str(folder))


def _stack(slices: list[tuple[Path, Dataset]], folder: Path) -> tuple[list[int], float]:
    """The order of slices along their normal, and the distance between neighbours in mm."""
    places, turns = [], []
    for path, dataset in slices:
        place, turn = dataset.get("ImagePositionPatient"), dataset.get("ImageOrientationPatient")
        if place is None or turn is None or len(place) != 3 or len(turn) != 6:
            raise ImageError(
                f"{path} does not say where its slice lies (position or orientation is missing), so the "
                "stack cannot be sorted. Export the original series."
            )
        places.append([float(value) for value in place])
        turns.append([float(value) for value in turn])
    if not np.allclose(turns, turns[0], atol=1e-3):
        raise ImageError(
            f"The slices in {folder} are not parallel. Leave only the slices of one stack in it."
        )
    normal = np.cross(turns[0][:3], turns[0][3:])
    along = np.array(places) @ normal
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    usual = float(np.median(gaps))
    if gaps.min() < 1e-3:
        raise ImageError(
            f"Two slices in {folder} lie at the same place. Remove the copy, or the second acquisition."
        )
    if np.abs(gaps - usual).max() > max(0.01, 0.01 * usual):
        raise ImageError(
            f"The slices in {folder} are not evenly spaced: gaps of {gaps.min():.3g} to {gaps.max():.3g} mm. "
            "A slice is missing, or two reconstructions are mixed; complete the series."
        )
    aside = np.array(places) - np.outer(along, normal)
    if np.abs(aside - aside[0]).max() > max(0.01, 0.01 * usual) * len(places):
        raise ImageError(
            f"The slices in {folder} are shifted against each other (a tilted gantry), so the stack is "
            "no box. Resample it first, or choose a series without tilt."
        )
    return [int(i) for i in order], float(gaps.mean())


# ---------------------------------------------------------------- NIfTI


def read_nifti(path: str | Path) -> Image:
    """Read a CT volume from a NIfTI file (.nii or .nii.gz).

    NIfTI stores x first, and its axes may point anywhere; the header says where. Here the axes are turned and
    flipped (never interpolated) to the order of this module: slices from feet to head, rows from front to
    back, columns from the patient's right to left. ``hu[k, j, i]`` so is the voxel that a NIfTI file with
    x to the left, y to the back and z to the head calls ``[i, j, k]``. The spacing goes with the axes, in mm.

    A NIfTI file does not say whether it is CT. The values are taken as HU, after the file's own scale.

    Raises
    ------
    ImageError
        If the file is missing, damaged or not NIfTI, has colours or complex numbers, or has not three axes.
    """
    path = Path(path)
    if not path.is_file():
        raise ImageError(f"There is no file {path}. Check the name and the working folder.")
    import nibabel

    nib: Any = nibabel  # much of it has no types
    with _damage(path, nib.filebasedimages.ImageFileError):
        if path.suffix.lower() == ".gz":
            _check_gzip(path)
        image = nib.load(path)
        if not isinstance(image, nib.Nifti1Pair):
            raise ImageError(f"{path} is not NIfTI but {type(image).__name__}. Convert it to .nii.gz first.")
        if image.get_data_dtype().kind not in "biuf":
            raise ImageError(f"{path} holds colours or complex numbers, not HU. Choose the CT volume.")
        while image.ndim > 3 and image.shape[-1] == 1:
            image = image.slicer[..., 0]
        if image.ndim != 3:
            raise ImageError(f"{path} has {image.ndim} axes (shape {image.shape}); a CT volume has three.")
        space = image.header.get_xyzt_units()[0]
        if not np.isfinite(image.affine).all() or np.linalg.det(image.affine[:3, :3]) == 0:
            raise ImageError(
                f"{path} has a damaged affine: its voxels have no size. Convert the image again."
            )
        image = nib.as_closest_canonical(image)  # x to the right, y to the front, z to the head
        values = image.get_fdata(dtype=np.float64)
    # Transposed to (z, y, x); then y and x turn round, to run as rows and columns do in DICOM.
    hu = np.ascontiguousarray(values.T[:, ::-1, ::-1])
    i, j, k = (float(size) * MM.get(space, 1.0) for size in nib.affines.voxel_sizes(image.affine))
    return Image(hu, (k, j, i), str(path))


def _check_gzip(path: Path) -> None:
    """Read to the end, where gzip keeps a checksum: nibabel stops short of it and would not notice damage."""
    with gzip.open(path) as stream:
        while stream.read(1 << 20):
            pass


@contextmanager
def _damage(path: Path, unreadable: type[Exception]) -> Iterator[None]:
    """Say in one way what the several layers of a NIfTI file (gzip, header, data) raise when damaged."""
    try:
        yield
    except ImageError:
        raise
    except (unreadable, OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise ImageError(
            f"{path} is not a whole NIfTI file ({error}). Download, copy or convert it again."
        ) from error
