"From files to images, labels and batches on the device."

from .dataset import Data, check, load
