"""Files in, HU out: real encodings, made here with pydicom and nibabel, and what is said of bad ones."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.uid import RLELossless, generate_uid

from digital_biopsy.images import Image, ImageError, read, read_dicom, read_nifti, real_ct_slice

CHECKOUT = Path(__file__).resolve().parents[2]
SARCOMA = CHECKOUT.parent / "shared" / "reference" / "ibsi_validation_STS_025" / "CT_image.nii.gz"


def example(name: str) -> str:
    """A file inside the installed pydicom. Never from the network."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str), name
    assert Path(found).is_relative_to(Path(pydicom.__file__).parent)
    return found


def ct() -> FileDataset:
    return pydicom.dcmread(example("CT_small.dcm"))


def save(dataset: FileDataset, path: Path) -> Path:
    dataset.save_as(path)
    return path


def change(**elements: Any) -> Callable[[Path], Path]:
    """A maker of a CT file with some elements replaced, or removed (None)."""

    def make(folder: Path) -> Path:
        dataset = ct()
        for name, value in elements.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)
        return save(dataset, folder / "changed.dcm")

    return make


def series(folder: Path, places: list[float], **elements: Any) -> list[Path]:
    """A CT series: one file at each z, its pixels all z. Files are named against the order of the places."""
    folder.mkdir(exist_ok=True)
    uid = generate_uid()
    paths = []
    for i, z in enumerate(places):
        dataset = ct()
        dataset.SeriesInstanceUID = uid
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.Rows, dataset.Columns, dataset.PixelSpacing = 4, 6, [0.8, 0.7]
        dataset.ImagePositionPatient = [-10, -20, z]
        dataset.PixelData = np.full((4, 6), int(z) + 1024, np.int16).tobytes()
        for name, value in elements.items():
            setattr(dataset, name, value)
        paths.append(save(dataset, folder / f"{len(places) - i:03d}.dcm"))
    return paths


# ---------------------------------------------------------------- what is read


def test_the_real_slice_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    image = real_ct_slice()
    assert image.hu.shape == (128, 128)
    assert image.hu.dtype == np.float64
    assert image.spacing == (0.661468, 0.661468)
    assert np.median(image.hu[8:20, 85:98]) == pytest.approx(155, abs=20)  # contrast agent in the aorta
    assert np.median(image.hu[72:88, 20:50]) == pytest.approx(38, abs=20)  # the muscles of the back
    assert image.hu[:20, :30].mean() < -700  # lung
    assert "pydicom" in image.source
    assert str(CHECKOUT) not in image.source


def test_stored_values_become_hu() -> None:
    dataset = ct()
    np.testing.assert_array_equal(real_ct_slice().hu, dataset.pixel_array.astype(float) - 1024.0)


def test_sixteen_bits_do_not_overflow(tmp_path: Path) -> None:
    dataset = ct()
    stored = np.full((128, 128), 32000, np.int16)
    dataset.PixelData, dataset.RescaleSlope, dataset.RescaleIntercept = stored.tobytes(), "2", "1000"
    assert read(save(dataset, tmp_path / "a.dcm")).hu[0, 0] == 65000.0


def test_padding_becomes_nan(tmp_path: Path) -> None:
    dataset = ct()
    stored = dataset.pixel_array.copy()
    stored[:3] = -2000  # the file's own Pixel Padding Value
    stored[3] = -1990
    dataset.PixelData = stored.tobytes()
    hu = read(save(dataset, tmp_path / "a.dcm")).hu
    assert np.isnan(hu[:3]).all()
    assert np.isfinite(hu[3:]).all()
    dataset.add_new("PixelPaddingRangeLimit", "SS", -1980)
    hu = read(save(dataset, tmp_path / "b.dcm")).hu
    assert np.isnan(hu[:4]).all()
    assert np.isfinite(hu[4:]).all()


def test_rows_and_columns_keep_their_own_spacing(tmp_path: Path) -> None:
    assert read(change(PixelSpacing=[0.9, 0.5])(tmp_path)).spacing == (0.9, 0.5)


def test_lossless_compression_changes_nothing(tmp_path: Path) -> None:
    dataset = ct()
    dataset.compress(RLELossless)
    packed = save(dataset, tmp_path / "rle.dcm")
    np.testing.assert_array_equal(read(packed).hu, real_ct_slice().hu)


def test_series_is_sorted_by_position(tmp_path: Path) -> None:
    series(tmp_path / "s", [30.0, 0.0, 7.5, 22.5, 15.0])
    (tmp_path / "s" / "README.txt").write_text("not an image")
    image = read(tmp_path / "s")
    assert image.hu.shape == (5, 4, 6)
    assert image.hu[:, 0, 0].tolist() == [0, 7, 15, 22, 30]
    assert image.spacing == (7.5, 0.8, 0.7)


def test_folder_with_one_slice_is_a_slice(tmp_path: Path) -> None:
    series(tmp_path / "s", [5.0])
    assert read(tmp_path / "s").spacing == (0.8, 0.7)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_turns_to_the_same_axes_as_dicom(tmp_path: Path, suffix: str) -> None:
    """A marked voxel is found at the same place, whichever way the file's axes run."""
    hu = np.zeros((3, 4, 5))  # slices, rows, columns: z up, y back, x left
    hu[2, 0, 1] = 700.0
    left_back_up = np.diag([-0.7, -0.8, 2.5, 1.0])  # NIfTI counts x to the right, y to the front
    straight = nib.Nifti1Image(hu.transpose(2, 1, 0), left_back_up)
    # The same body stored another way: first axis z running down, then x to the right, then y to the front.
    other_affine = np.array([[0, 0.7, 0, 0], [0, 0, 0.8, 0], [-2.5, 0, 0, 0], [0, 0, 0, 1.0]])
    other = nib.Nifti1Image(np.ascontiguousarray(hu[::-1].transpose(0, 2, 1)[:, ::-1, ::-1]), other_affine)
    for i, image in enumerate((straight, other)):
        path = tmp_path / f"{i}{suffix}"
        nib.save(image, path)
        got = read(path)
        np.testing.assert_array_equal(got.hu, hu)
        assert got.spacing == pytest.approx((2.5, 0.8, 0.7))


def test_nifti_scale_and_unit(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.full((2, 3, 4, 1), 1064, np.int16), np.diag([0.001, 0.001, 0.002, 1]))
    image.header.set_xyzt_units("meter")
    image.header.set_slope_inter(1.0, -1024.0)
    nib.save(image, tmp_path / "a.nii")
    got = read(tmp_path / "a.nii")
    assert got.hu.shape == (4, 3, 2)
    assert (got.hu == 40).all()
    assert got.spacing == pytest.approx((2.0, 1.0, 1.0))


@pytest.mark.skipif(not SARCOMA.is_file(), reason="the reference CT does not lie beside this checkout")
def test_a_real_volume_lies_on_its_couch() -> None:
    image = read(SARCOMA)
    assert image.hu.shape == (47, 138, 149)
    assert image.spacing == pytest.approx((3.27, 0.9766, 0.9766), abs=1e-3)
    body = (image.hu[20] > -200) & (image.hu[20] < 300)
    assert (
        np.nonzero(body)[0].mean() < 69
    )  # the couch and the air below it are at the bottom: rows run to the back


def test_image_says_what_it_is() -> None:
    assert repr(Image(np.zeros((2, 3)), (1.0, 0.5), "x.dcm")) == "Image(2 x 3 voxels of 1 x 0.5 mm, x.dcm)"
    with pytest.raises(ImageError, match="one number for each of the 2 axes"):
        Image(np.zeros((2, 3)), (1.0,), "x")
    with pytest.raises(ImageError, match="above zero"):
        Image(np.zeros((2, 3)), (1.0, 0.0), "x")


# ---------------------------------------------------------------- what is refused


def text_file(folder: Path) -> Path:
    path = folder / "notes.dcm"
    path.write_text("patient moved during the scan\n" * 20)
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "empty.dcm"
    path.touch()
    return path


def cut_short(folder: Path) -> Path:
    path = folder / "cut.dcm"
    path.write_bytes(Path(example("CT_small.dcm")).read_bytes()[:20000])
    return path


def cut_in_the_header(folder: Path) -> Path:
    path = folder / "cut.dcm"
    path.write_bytes(Path(example("CT_small.dcm")).read_bytes()[:600])
    return path


def jpeg_ls(folder: Path) -> Path:
    """Pixels really coded as JPEG-LS, for which neither pydicom nor Pillow has a decoder."""
    dataset = pydicom.dcmread(example("MR_small_jpeg_ls_lossless.dcm"))
    dataset.Modality, dataset.RescaleSlope, dataset.RescaleIntercept = "CT", "1", "-1024"
    return save(dataset, folder / "jls.dcm")


def multi_frame(folder: Path) -> Path:
    dataset = ct()
    dataset.NumberOfFrames, dataset.PixelData = 2, dataset.PixelData * 2
    return save(dataset, folder / "frames.dcm")


def colour(folder: Path) -> Path:
    shutil.copy(example("SC_rgb_small_odd.dcm"), folder / "rgb.dcm")
    return folder / "rgb.dcm"


def palette(folder: Path) -> Path:
    shutil.copy(example("examples_palette.dcm"), folder / "palette.dcm")
    return folder / "palette.dcm"


def magnetic_resonance(folder: Path) -> Path:
    shutil.copy(example("MR_small.dcm"), folder / "mr.dcm")
    return folder / "mr.dcm"


def report(folder: Path) -> Path:
    shutil.copy(example("test-SR.dcm"), folder / "report.dcm")
    return folder / "report.dcm"


def empty_folder(folder: Path) -> Path:
    (folder / "x.txt").write_text("no image")
    return folder


def mixed_series(folder: Path) -> Path:
    series(folder / "s", [0.0, 5.0])
    shutil.copy(example("CT_small.dcm"), folder / "s" / "other.dcm")
    return folder / "s"


def placed(places: list[float], **elements: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        series(folder / "s", places, **elements)
        return folder / "s"

    return make


def one_changed(**elements: Any) -> Callable[[Path], Path]:
    """A sound series of three, one slice of which is then changed."""

    def make(folder: Path) -> Path:
        path = series(folder / "s", [0.0, 5.0, 10.0])[1]
        dataset = pydicom.dcmread(path)
        for name, value in elements.items():
            setattr(dataset, name, value)
        save(dataset, path)
        return folder / "s"

    return make


def tilted(folder: Path) -> Path:
    for i, path in enumerate(series(folder / "s", [0.0, 5.0, 10.0])):
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient = [-10, -20 + 2 * i, 5 * i]
        save(dataset, path)
    return folder / "s"


BAD_DICOM: list[tuple[Callable[[Path], Path], str, str]] = [
    (lambda folder: folder / "nowhere.dcm", "There is no file or folder", "Check the name"),
    (text_file, "is not a DICOM file", "Export the image"),
    (empty_file, "is not a DICOM file", "Export the image"),
    (report, "has no pixel data", "Choose an image file"),
    (cut_in_the_header, "has no pixel data", "cut short"),
    (cut_short, "cut short", "Copy or export the file again"),
    (jpeg_ls, "is compressed .JPEG-LS Lossless", "pip install pylibjpeg"),
    (multi_frame, "has 2 frames", "Convert it to one file a slice"),
    (colour, "is a colour image", "grey CT slice"),
    (palette, "is a colour image", "grey CT slice"),
    (magnetic_resonance, "is not CT but MR", "numbers are not HU"),
    (change(Modality=None), "is not CT but unknown", "Choose a CT series"),
    (change(RescaleSlope=None), "has no rescale slope,", "Export the original"),
    (change(RescaleIntercept=None), "has no rescale intercept,", "Export the original"),
    (change(RescaleSlope=None, RescaleIntercept=None), "no rescale slope and no rescale intercept", "Export"),
    (change(RescaleSlope="0"), "slope or intercept that makes no sense", "other than zero"),
    (change(RescaleType="Z_EFF"), "scaled to Z_EFF", "Choose the original CT slice"),
    (change(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "scout view", "Choose an axial slice"),
    (change(PixelSpacing=None), "has no pixel spacing", "Export the original"),
    (empty_folder, "holds no DICOM file .1 other", "in which the slices themselves lie"),
    (mixed_series, "mixes 2 series", "a folder of its own"),
    (placed([0.0, 5.0, 15.0, 20.0]), "not evenly spaced: gaps of 5 to 10 mm", "slice is missing"),
    (placed([0.0, 5.0, 5.0]), "at the same place", "Remove the copy"),
    (one_changed(PixelSpacing=[0.9, 0.7]), "differs from the first slice", "one reconstruction"),
    (one_changed(ImageOrientationPatient=[1, 0, 0, 0, 0, -1]), "are not parallel", "one stack"),
    (one_changed(ImagePositionPatient=None), "does not say where its slice lies", "Export"),
    (one_changed(RescaleSlope=None), "has no rescale slope", "Export"),
    (tilted, "a tilted gantry", "Resample"),
]


@pytest.mark.parametrize(("make", "cause", "cure"), BAD_DICOM)
def test_bad_dicom_is_refused_with_cause_and_cure(
    tmp_path: Path, make: Callable[[Path], Path], cause: str, cure: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(ImageError, match=cause) as caught:
        read_dicom(path)
    message = str(caught.value)
    assert cure in message
    assert path.name in message or "s" in path.parts


def whole(folder: Path, name: str = "a.nii") -> bytes:
    nib.save(nib.Nifti1Image(np.arange(2000, dtype=np.int16).reshape(10, 10, 20), np.eye(4)), folder / name)
    return (folder / name).read_bytes()


def cut_nifti(folder: Path) -> Path:
    path = folder / "cut.nii"
    path.write_bytes(whole(folder)[:-10])
    return path


def cut_gzip(folder: Path) -> Path:
    path = folder / "cut.nii.gz"
    packed = whole(folder, "b.nii.gz")
    path.write_bytes(packed[: len(packed) // 2])
    return path


def flipped_gzip(folder: Path) -> Path:
    path = folder / "flipped.nii.gz"
    packed = bytearray(whole(folder, "b.nii.gz"))
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(bytes(packed))
    return path


def not_gzip(folder: Path) -> Path:
    path = folder / "plain.nii.gz"
    path.write_bytes(whole(folder))
    return path


def not_nifti(folder: Path) -> Path:
    path = folder / "words.nii"
    path.write_text("no image here " * 100)
    return path


def many_times(folder: Path) -> Path:
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2, 3), np.int16), np.eye(4)), folder / "time.nii")
    return folder / "time.nii"


def rgb_nifti(folder: Path) -> Path:
    pixels = np.zeros((2, 2, 2), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(pixels, np.eye(4)), folder / "rgb.nii")
    return folder / "rgb.nii"


def no_size(folder: Path) -> Path:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    image.set_sform(np.diag([1.0, 1.0, 0.0, 1.0]), code=1)
    image.set_qform(None, code=0)
    nib.save(image, folder / "flat.nii")
    return folder / "flat.nii"


@pytest.mark.parametrize(
    ("make", "cause", "cure"),
    [
        (lambda folder: folder / "nowhere.nii", "There is no file", "Check the name"),
        (cut_nifti, "is not a whole NIfTI file", "convert it again"),
        (cut_gzip, "is not a whole NIfTI file", "convert it again"),
        (flipped_gzip, "is not a whole NIfTI file", "convert it again"),
        (not_gzip, "is not a whole NIfTI file", "convert it again"),
        (not_nifti, "is not a whole NIfTI file", "convert it again"),
        (many_times, "has 4 axes", "a CT volume has three"),
        (rgb_nifti, "holds colours", "Choose the CT volume"),
        (no_size, "damaged affine", "Convert the image again"),
    ],
)
def test_bad_nifti_is_refused_with_cause_and_cure(
    tmp_path: Path, make: Callable[[Path], Path], cause: str, cure: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(ImageError, match=cause) as caught:
        read_nifti(path)
    assert cure in str(caught.value)
    assert path.name in str(caught.value)


def test_read_picks_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="NIfTI"):
        read(not_nifti(tmp_path))
    with pytest.raises(ImageError, match="not a DICOM file"):
        read(text_file(tmp_path))
    assert issubclass(ImageError, ValueError)
