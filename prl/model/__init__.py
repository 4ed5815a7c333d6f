"(images, preference) -> logits, and a model as a file."
