"""Is a tube what its row in the sheet says: its person, its stains, its compensation?"""
