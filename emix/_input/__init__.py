"""What users pass: tables of rows, parameters of constructors, and refusals in plain words."""
