"""representatives"""
