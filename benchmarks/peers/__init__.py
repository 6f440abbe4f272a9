"""One adapter per peer, all with the interface of `peers.base.Peer`."""

from __future__ import annotations

from .armadillo_peer import ArmadilloPeer
from .base import Fitted, Peer
from .emix_peer import EmixPeer
from .mclust_peer import MclustPeer
from .mlpack_peer import MlpackPeer
from .onedal_peer import OneDalPeer
from .opencv_peer import OpenCvPeer
from .pomegranate_peer import PomegranatePeer
from .sklearn_peer import SklearnPeer
from .spark_peer import SparkPeer
from .variational import EmixVariationalPeer, SklearnVariationalPeer

PEERS = {
    peer.name: peer
    for peer in (
        EmixPeer,
        SklearnPeer,
        OneDalPeer,
        MclustPeer,
        ArmadilloPeer,
        PomegranatePeer,
        MlpackPeer,
        OpenCvPeer,
        SparkPeer,
    )
}
VARIATIONAL = {peer.name: peer for peer in (EmixVariationalPeer, SklearnVariationalPeer)}
# What a run takes when it is not told: emix, the interface that is kept, and the fastest.
DEFAULT = ("emix", "sklearn", "onedal")

__all__ = [
    "DEFAULT",
    "PEERS",
    "VARIATIONAL",
    "EmixPeer",
    "Fitted",
    "OneDalPeer",
    "Peer",
    "SklearnPeer",
]
