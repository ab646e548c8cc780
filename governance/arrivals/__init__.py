"""Arrivals: what users name -> log files, each with its format settled and with what is in already left out."""
