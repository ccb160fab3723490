"""Services: implementations of the core's ports for servers, storage, files and the desktop."""
