"""One adapter per peer, all with the interface of `peers.base.Peer`."""

from __future__ import annotations

from .base import Fitted, Peer
from .emix_peer import EmixPeer
from .onedal_peer import OneDalPeer
from .sklearn_peer import SklearnPeer
from .variational import EmixVariationalPeer, SklearnVariationalPeer

PEERS = {peer.name: peer for peer in (EmixPeer, SklearnPeer, OneDalPeer)}
VARIATIONAL = {peer.name: peer for peer in (EmixVariationalPeer, SklearnVariationalPeer)}

__all__ = ["PEERS", "VARIATIONAL", "EmixPeer", "Fitted", "OneDalPeer", "Peer", "SklearnPeer"]
