//! motmot-desk
