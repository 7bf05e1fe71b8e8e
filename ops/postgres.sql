-- Each node has a database of its own; the image makes the operator's.
create database watcher;
