"""What tests of several folders share: servers, clients, workers and calls under test."""
