"""Tests of the training pipeline: `.venv/bin/python -m unittest discover -v -s tests/training -t .`"""
