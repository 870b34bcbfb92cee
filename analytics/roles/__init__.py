"""Roles of the database: one for each process of a deployment, with the rights that it needs.

rights      who may do what, as data
granting    makes the roles, and their rights equal to the data
statements  what this shares with the role of BI tools
"""
