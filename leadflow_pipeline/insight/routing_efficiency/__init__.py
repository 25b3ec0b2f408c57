"""How well routing works: how soon leads are decided and touched, how even and how good the choice was."""
