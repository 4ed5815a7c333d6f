"From files to images, labels and batches on the device."

from .dataset import Data, load
from .inventory import check
