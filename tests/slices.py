"""DICOM slices made by hand."""

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

TURN = 0.3
ALONG_ROW = np.array([np.cos(TURN), np.sin(TURN), 0])
ALONG_COL = np.array([0, 0, -1.0])
NORMAL = np.cross(ALONG_ROW, ALONG_COL)
STUDY_TAGS = {
    "PatientName": "Doe^Jane",
    "PatientID": "MRN778899",
    "PatientBirthDate": "19700102",
    "PatientSex": "F",
    "StudyInstanceUID": "1.2.3.4",
    "StudyDate": "20200101",
    "StudyTime": "120000",
    "StudyID": "7",
    "AccessionNumber": "A42",
    "ReferringPhysicianName": "",
    "FrameOfReferenceUID": "1.2.3.9",
    "SeriesNumber": 1,
    "PositionReferenceIndicator": "",
}


def named_scan(folder, slices=1):
    """Write a scan into a folder; its tags name Jane Doe."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 2000, (slices, 40, 48))
    for number in range(slices):
        made = slice_of(pixels[number], 2.0 * number * NORMAL)
        made.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


def slice_of(pixels, position, uid="1.2.3", **tags):
    """A CT slice; its stored values are HU + 1024."""
    made = pydicom.Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = (
        "1.2.840.10008.5.1.4.1.1.2"
    )
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid(
        entropy_srcs=[str(position)]
    )
    made.SeriesInstanceUID = uid
    made.PatientName = "Doe^Jane"
    made.Modality = "CT"
    made.Rows, made.Columns = pixels.shape
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation, made.SamplesPerPixel = 15, 0, 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.PixelSpacing = [0.5, 0.25]
    made.ImageOrientationPatient = [*map(float, ALONG_ROW), *map(float, ALONG_COL)]
    made.ImagePositionPatient = [float(round(v, 6)) for v in position]
    made.RescaleSlope, made.RescaleIntercept = 1, -1024
    made.WindowCenter, made.WindowWidth = 40, 400
    made.PixelData = pixels.astype("<u2").tobytes()
    for name, value in tags.items():
        setattr(made, name, value)
    return made
