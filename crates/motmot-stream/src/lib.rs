//! motmot-stream
