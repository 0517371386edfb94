"""Another index, read as installers read it: `page` understands what it says, `client` asks it."""
