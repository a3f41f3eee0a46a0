"""Tests of models on other machines."""
