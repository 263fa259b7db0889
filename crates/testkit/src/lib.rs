//! Mocks, scripted services and the contract suite.
