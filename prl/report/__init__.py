"Rows -> tables, figures, a model's card."
