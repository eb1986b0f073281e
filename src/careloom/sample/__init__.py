"""The bundled simulated hospital: data only, made by tools/make_sample_hospital.py; nobody in it exists."""
