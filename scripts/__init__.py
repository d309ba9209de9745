"""What makes the repository's data: samples, calibrations, models, figures. hetscore never imports them."""
