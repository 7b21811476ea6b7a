"""Degrees of Celsius and Fahrenheit."""


def fahrenheit(celsius):
    return celsius * 9 / 5 + 32


def celsius(fahrenheit):
    return (fahrenheit - 32) * 5 / 9
